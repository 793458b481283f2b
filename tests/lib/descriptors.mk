# SPDX-License-Identifier: Apache-2.0
# A list of all types of the schema, made from the generated headers; for the tests of the wire.
tests/lib/descriptors.c: $(PROTO_GENERATED_H)
	$(AM_V_GEN)$(MKDIR_P) tests/lib && { \
	  for h in $(PROTO_GENERATED_H); do echo "#include \"$${h#$(PROTO_DIR)/}\""; done; \
	  echo '#include "lib/descriptors.h"'; \
	  echo 'const ProtobufCMessageDescriptor *const all_messages[] = {'; \
	  sed -n 's/^extern const ProtobufCMessageDescriptor \(.*\);/    \&\1,/p' $(PROTO_GENERATED_H); \
	  echo '    NULL};'; \
	  echo 'const ProtobufCEnumDescriptor *const all_enums[] = {'; \
	  sed -n 's/^extern const ProtobufCEnumDescriptor  *\(.*\);/    \&\1,/p' $(PROTO_GENERATED_H); \
	  echo '    NULL};'; } > $@.tmp && mv $@.tmp $@
CLEANFILES += tests/lib/descriptors.c
EXTRA_DIST += tests/lib/descriptors.h
