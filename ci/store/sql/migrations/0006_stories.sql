-- Steps of machines, holds and autoholds go by their age: those of builds, buildsets and reviews go with these.
create index transitions_of_nodes on transitions (at) where noun in ('node', 'hold', 'autohold');
