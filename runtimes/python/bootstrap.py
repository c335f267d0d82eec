# SPDX-License-Identifier: Apache-2.0
"""Runs a function written in Python: started in a sandbox as /var/runtime/bootstrap.py."""

import _evoke_runtime

_evoke_runtime.main()
