"""`python -m coindex`: the command line where no `coindex` stands on the path."""

from coindex.cli import main

if __name__ == "__main__":
    main()
