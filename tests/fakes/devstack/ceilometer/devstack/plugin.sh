#!/bin/bash
# A stand-in for the devstack plugin of ceilometer.
record "ceilometer $*"
