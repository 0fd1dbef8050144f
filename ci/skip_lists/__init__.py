"""Skip lists: read, checked, repaired, converted, explained and compared."""
