# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/model/libmodel.a
core_model_libmodel_a_SOURCES = \
  core/model/attributes.c core/model/attributes.h \
  core/model/docker_client.c core/model/docker_environment.c core/model/docker_figures.c core/model/docker_network.c \
  core/model/docker_run.c core/model/docker_run.h core/model/docker_run_parts.h \
  core/model/docker_state.c core/model/docker_state.h core/model/docker_volumes.c \
  core/model/ranges.c core/model/ranges.h \
  core/model/resource_bare.c core/model/resource_check.c \
  core/model/resources.c core/model/resources.h core/model/resources_item.h \
  core/model/resources_json.c core/model/resources_json.h \
  core/model/resources_proto.c \
  core/model/resources_text.c \
  core/model/role.c core/model/role.h core/model/task_state.c core/model/task_state.h \
  core/model/validate.h core/model/validate_check.c core/model/validate_command.c core/model/validate_task.c \
  core/model/value_text.c core/model/value_text.h \
  core/model/volume_path.c core/model/volume_path.h
MODEL_LIBS = core/model/libmodel.a $(JANSSON_LIBS)

# What modules are lent: resource arithmetic and small containers, hidden once they are linked in. No protobuf, no loop.
lib_LIBRARIES += core/model/libmesos-module.a
core_model_libmesos_module_a_SOURCES = \
  core/model/lend.c module-api/mesos/resources.h \
  core/model/ranges.c core/model/resources.c core/model/role.c \
  core/base/arena.c core/base/buf.c core/base/err.c core/base/map.c core/base/mem.c core/base/str.c core/base/units.c
