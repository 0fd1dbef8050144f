-- name: builds_untaken
-- Ended builds whose tests are not in the figures yet, oldest first.
select builds.*, buildsets.change, buildsets.pipeline from builds join buildsets on buildsets.id = buildset_id
where builds.state = 'ended' and builds.tests_taken_at is null
order by builds.ended_at limit :limit

-- name: mark_tests_taken
update builds set tests_taken_at = :now where id = :id and state = 'ended' and tests_taken_at is null

-- name: count_tests
-- There are never more than `MOST_TESTS`.
select count(*) as n from tests

-- name: add_tests
-- `tests` is a JSON list of [name, idempotent ID, passed, failed, skipped].
insert into tests (name, idempotent_id) select value ->> 0, value ->> 1 from json_each(:tests) where true
on conflict (name, idempotent_id) do nothing

-- name: add_test_series
insert into test_series (job, branch) values (:job, :branch) on conflict (job, branch) do nothing

-- name: add_test_day
insert into test_days (series_id, day, test_id, passed, failed, skipped, last_build)
select test_series.id, :day, tests.id, test.value ->> 2, test.value ->> 3, test.value ->> 4, :build
from json_each(:tests) as test
cross join tests on tests.name = test.value ->> 0 and tests.idempotent_id = test.value ->> 1
cross join test_series on test_series.job = :job and test_series.branch = :branch
where true
on conflict (series_id, day, test_id) do update set
  passed = passed + excluded.passed, failed = failed + excluded.failed, skipped = skipped + excluded.skipped,
  last_build = excluded.last_build

-- name: tests_called
-- By name or by idempotent ID.
select id, name, idempotent_id from tests where name = :test
union select id, name, idempotent_id from tests where idempotent_id <> '' and idempotent_id = :test

-- name: days_of_test
select job, branch, day, passed, failed, skipped, last_build
from test_days cross join test_series on test_series.id = series_id
where test_id = :test_id order by day desc limit :limit

-- name: sums_of_tests
-- `ids` (idempotent IDs) and `jobs` are JSON lists; `last_build` is that of the row with the latest day.
select tests.name, tests.idempotent_id, test_series.job, sum(passed) as passed, sum(failed) as failed,
  sum(skipped) as skipped, max(day) as last_day, last_build
from json_each(:ids) as wanted
cross join tests on tests.idempotent_id <> '' and tests.idempotent_id = wanted.value
cross join test_days on test_days.test_id = tests.id and test_days.day >= :since
cross join test_series on test_series.id = test_days.series_id
where test_series.job in (select value from json_each(:jobs))
group by tests.id, test_series.job

-- name: sums_of_test
-- Of one test in one job, by branch.
select branch, sum(passed) as passed, sum(failed) as failed
from tests cross join test_days on test_days.test_id = tests.id and test_days.day >= :since
cross join test_series on test_series.id = test_days.series_id and test_series.job = :job
where tests.name = :name and tests.idempotent_id = :idempotent_id group by branch

-- name: tested
-- Builds of a job that ran tests since, and the changes that they were for, by branch.
select buildsets.branch, count(*) as builds,
  count(distinct buildsets.connection || ' ' || change_number) as changes
from builds join buildsets on buildsets.id = buildset_id
where builds.job_name = :job and builds.created_at >= :since and builds.counts is not null
group by buildsets.branch

-- name: tests_failing_on_changes
-- Of the builds of a job that have failed tests, those that list all of them: a patch that breaks more is no evidence.
-- In a build whose result is not `conclusive` (a JSON list) tests fail of what is wrong with the CI.
-- The plus keeps SQLite from the index of all builds of the job. `builds`: when each ended, by id, as JSON.
select test.value ->> 'name' as name, test.value ->> 'idempotent_id' as idempotent_id,
  count(distinct buildsets.connection || ' ' || change_number) as changes,
  json_group_object(failed.id, failed.ended_at) as builds
from (
  select id, buildset_id, ended_at, failed_tests from builds where failed_tests <> '[]' and ended_at >= :since
    and +job_name = :job and result in (select value from json_each(:conclusive))
    and json_array_length(failed_tests) >= (counts ->> 'failed')
) as failed
cross join buildsets on buildsets.id = failed.buildset_id
cross join json_each(failed.failed_tests) as test
group by name, idempotent_id having changes >= :min_changes
order by changes desc, name
