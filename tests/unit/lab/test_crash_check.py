"""The judge of the crash tests finds what is lost, doubled, wrong or late, and nothing else."""

from lab.crash_check import Judge

CI = "powervm-ci"
DEV = "developer"


class Story:
    """A change as Gerrit tells it, one second a message."""

    def __init__(self):
        self.messages, self.second = [], 0

    def add(self, author, patchset, text, *, after=10):
        self.second += after
        date = f"2026-11-22 10:{self.second // 60:02}:{self.second % 60:02}.000000000"
        self.messages.append(
            {"author": {"username": author}, "_revision_number": patchset, "message": text, "date": date}
        )
        return self

    def push(self, patchset=1):
        return self.add(DEV, patchset, f"Uploaded patch set {patchset}.")

    def vote(self, buildset, patchset=1, value=1, **more):
        words = "Build succeeded" if value > 0 else "Build failed"
        return self.add(CI, patchset, f"Patch Set {patchset}:\n\n{words}. http://x/buildset/{buildset * 32}\n", **more)

    def recheck(self, patchset=1, text="recheck"):
        return self.add(DEV, patchset, f"Patch Set {patchset}:\n\n{text}")

    def problems(self, value=1, **verdicts):
        detail = {"messages": self.messages, "labels": {"Verified": {"all": [{"username": CI, "value": value}]}}}
        right = {1: 1} | {int(key.removeprefix("ps")): one for key, one in verdicts.items()}
        return [problem.what for problem in Judge(7, CI, right).judge(detail)]


def test_each_trigger_answered_once_is_right():
    story = Story().push().vote("a").recheck().vote("b").recheck(text="(1 comment)").vote("c")
    assert story.problems() == []


def test_a_lost_event_is_found():
    assert "no review" in Story().push().problems()[0]
    assert "no review" in Story().push().vote("a").recheck().problems()[0]


def test_a_vote_told_twice_is_found():
    problems = Story().push().vote("a").vote("a").problems()
    assert problems == ["told twice", "2 reviews for 1 triggers on patch set 1"]


def test_two_buildsets_for_one_trigger_are_found():
    assert Story().push().vote("a").vote("b").problems() == ["2 reviews for 1 triggers on patch set 1"]


def test_a_wrong_value_is_found():
    assert "deserves +1" in Story().push().vote("a", value=-1).problems()[0]
    assert Story().push().vote("a").problems(value=-1) == ["the vote is -1 instead of +1"]


def test_a_review_on_a_superseded_patch_set_is_found_but_not_a_race():
    assert Story().push().push(2).vote("a", after=1).vote("b", 2).problems(ps2=1) == []
    problems = Story().push().push(2).vote("a").vote("b", 2).problems(ps2=1)
    assert problems == ["a review on patch set 1 when 2 was there"]


def test_an_abandon_ends_what_runs_and_a_restore_asks_again():
    ended = Story().push().add(DEV, 1, "Abandoned")
    assert ended.problems() == []
    ended.add(DEV, 1, "Restored")
    assert ended.problems()[0] == "the last trigger on patch set 1 has no review"
    assert ended.vote("a").problems() == []


def test_a_review_on_an_abandoned_change_is_found():
    assert Story().push().add(DEV, 1, "Abandoned").vote("a").problems() == ["a review on an abandoned change"]
