"""What is searched: the experiments, the options of a search, and a plan checked beforehand."""
