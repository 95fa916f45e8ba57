#!/bin/sh
cd /work/wt/core && flock /work/wt/land.lock sh -c 'git rebase main && git -C /work/main merge --ff-only core'
