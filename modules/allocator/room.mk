# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/allocator_hierarchical_drf.la
DRF = modules/allocator/hierarchical_drf
modules_allocator_hierarchical_drf_la_SOURCES = $(DRF)/module.c $(DRF)/drf.h $(DRF)/kinds.c $(DRF)/settings.c \
  $(DRF)/sorter.c $(DRF)/filters.c $(DRF)/frameworks.c $(DRF)/agents.c $(DRF)/allocate.c $(DRF)/wishes.c \
  $(DRF)/explain.c $(DRF)/inverse.c $(DRF)/constraints.c $(DRF)/constraints.h $(DRF)/fields.h $(DRF)/regex.h $(DRF)/regex.cc
modules_allocator_hierarchical_drf_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_allocator_hierarchical_drf_la_LIBADD = core/model/libmesos-module.a $(RE2_LIBS) -lm
