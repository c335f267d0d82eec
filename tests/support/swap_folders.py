# SPDX-License-Identifier: Apache-2.0
"""Replaces folders of the packages that are being unpacked by links, until it has done so often
enough: swap_folders.py STAGING OUTSIDE COUNT.

A process of its own: as a thread of the test it would hardly ever run while the client deploys.
"""
import os
import sys

staging, outside, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
parent, swaps = os.getppid(), 0

while swaps < wanted and os.getppid() == parent:
    for package in os.listdir(staging):
        code = os.path.join(staging, package, "code")
        try:
            for name in os.listdir(code):
                folder = os.path.join(code, name)
                os.rename(folder, folder + "-moved")
                os.symlink(outside, folder)
                swaps += 1
        except OSError:  # the package is gone, or the daemon was quicker
            pass
