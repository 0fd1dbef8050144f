"""The namespace under which the out-of-tree PowerVM driver is loaded."""
