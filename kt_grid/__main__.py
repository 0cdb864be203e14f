"""`python -m kt_grid` is the same as `kt-grid`."""

from kt_grid.cli import main

if __name__ == "__main__":
    main()
