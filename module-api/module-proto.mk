# SPDX-License-Identifier: Apache-2.0
# Compiles the installed wire schema into a module, privately: the generated symbols stay hidden in it, so that two
# modules (or a module and the daemon) never share a generated type. Include it from a module's Makefile:
#
#   PROTOS = mesos/v1/mesos.proto           # what the module reads; imports are added by hand
#   include $(shell pkg-config --variable=protomk cmesos-module)
#   mymodule.so: mymodule.o $(PROTO_OBJECTS)
#	$(CC) -shared -o $@ $^ $(PROTO_LIBS)
#
# and add $(PROTO_CFLAGS) to the module's own flags. Needs protoc-c and libprotobuf-c.
PROTO_DIR := $(shell pkg-config --variable=protodir cmesos-module)
PROTO_OUT ?= proto
PROTO_CFLAGS := -I$(PROTO_OUT) $(shell pkg-config --cflags libprotobuf-c)
PROTO_LIBS := $(shell pkg-config --libs libprotobuf-c)
PROTO_OBJECTS := $(PROTOS:%.proto=$(PROTO_OUT)/%.pb-c.o)
PROTO_SOURCES := $(PROTOS:%.proto=$(PROTO_OUT)/%.pb-c.c)

# They include each other's headers.
$(PROTO_OBJECTS): | $(PROTO_SOURCES)
.SECONDARY: $(PROTO_SOURCES)

$(PROTO_OUT)/%.pb-c.c: $(PROTO_DIR)/%.proto
	mkdir -p $(PROTO_OUT)
	protoc-c -I$(PROTO_DIR) --c_out=$(PROTO_OUT) $<

$(PROTO_OUT)/%.pb-c.o: $(PROTO_OUT)/%.pb-c.c
	$(CC) $(CFLAGS) $(PROTO_CFLAGS) -fPIC -fvisibility=hidden -w -c -o $@ $<
