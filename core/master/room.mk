# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += core/master/master.h
