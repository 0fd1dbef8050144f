-- Reviews that ended without being posted are for people to see, also after years of posted ones.
create index reviews_dropped on reviews (id) where state = 'dropped';
