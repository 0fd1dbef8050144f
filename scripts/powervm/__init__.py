"""Tools of this site, for what the engine does not know: devstack and PowerVM."""
