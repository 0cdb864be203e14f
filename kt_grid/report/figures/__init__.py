"""The figures of a report, drawn by matplotlib as SVG that takes the page's colours."""
