"""Skip lists: read, checked, repaired, converted, explained, compared and shortened."""
