"""Tests that do what `BEHAVIOUR` says."""

import os
import signal
import unittest

import testtools
from testtools.testcase import WithAttributes, attr

BEHAVIOUR = os.environ.get("BEHAVIOUR", "").split(",")


class ServersTest(WithAttributes, testtools.TestCase):
    @attr("id-aaaaaaaa-1a2b-4c3d-8e4f-5a6b7c8d9e0f", "smoke")
    def test_boot(self):
        if "fail" in BEHAVIOUR:
            self.fail("no server at 10.1.2.3, ci-7.vendor.example, with secretadmin")

    @attr("id-bbbbbbbb-1a2b-4c3d-8e4f-5a6b7c8d9e0f")
    def test_pause(self):
        pass

    @attr("compute", "id-cccccccc-1a2b-4c3d-8e4f-5a6b7c8d9e0f")
    def test_stop(self):
        if "worker-dies" in BEHAVIOUR:
            os.kill(os.getpid(), signal.SIGKILL)
        if "tempest-dies" in BEHAVIOUR:
            os.kill(int(os.environ["TEMPEST_PID"]), signal.SIGKILL)


class VolumesTest(WithAttributes, testtools.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "no-volumes" in BEHAVIOUR:
            raise unittest.SkipTest("no volumes")
        if "broken-volumes" in BEHAVIOUR:
            raise ValueError("broken volumes")

    @attr("id-dddddddd-1a2b-4c3d-8e4f-5a6b7c8d9e0f")
    def test_attach(self):
        pass
