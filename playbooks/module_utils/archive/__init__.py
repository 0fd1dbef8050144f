"""The one archive in which a build's logs travel from the node to the executor."""
