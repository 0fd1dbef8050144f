-- Blocks of skip lists that wait for a change, and the changes that remove them.

-- One row for all blocks of a list that wait for the same change; gone when the site's list has them no more.
--   waiting: some branch on which the list is used lacks the change
--   due -> open -> merged | abandoned: the removal is to be pushed, is under review, has come to an end
--   behind: the site's repository has lost the block by another change
--   refused: the repository is not to be read, or Gerrit does not take the removal: tried again at `retry_at`
create table lockstep (
    removal_id text primary key,        -- Change-Id of the change that removes the blocks
    path text not null,
    until text not null,                -- Change-Id of the change that is waited for
    state text not null check (state in ('waiting', 'due', 'open', 'merged', 'behind', 'abandoned', 'refused')),
    note text not null default '',      -- what the state alone does not say
    url text not null default '',       -- of the removal
    since real not null,                -- in this state
    retry_at real not null default 0
) strict;

-- The newest merge is asked for after every beat.
create index events_merged on events (id) where type = 'change-merged';
