#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Secrets are compared in a time that says nothing about them, by str_eq_secret alone: in the code of credentials, SASL and tokens
# any other comparison is one with a literal, or stands below with what it compares; elsewhere none names a secret.
cd "${srcdir:-.}" || exit 1
status=0
complain() {
    echo "$*" >&2
    status=1
}
compare='(memcmp|bcmp|memmem|CRYPTO_memcmp|strn?cmp|strn?casecmp|strstr|str_i?eq|str_is|str_cmp|str_starts|str_ends)'
literal='s/[a-z_]*(cmp|eq|is|starts|ends|str)\([^"?&|]*, *(STR_LIT\()?"[^"]*"\)+//g' # what is in a source is no secret

# Files, and what may be compared there: names of mechanisms and realms, a token with itself as
# it is written anew; and an HTTP token is a word.
allowed() {
    cat <<'END'
modules/common/credentials.c str_starts(text, mark)
modules/common/sasl.c strcmp(name, wanted[i])
modules/common/sasl_authenticatee.c strcmp(mechanisms[i], wanted)
modules/common/sasl_server.c strcmp(wanted->name, SASL_AUX_PASSWORD)
modules/common/sasl_server.c strcmp(list, server->mechanism)
modules/http_authenticator/jwt/token.c str_eq(buf_str(&again), text)
modules/common/authorization.c str_ieq(str_cut(&value, ' '), str_of(scheme))
core/wire/http_head.c str_ieq(str_trim(str_cut(&list, ',')), token)
core/daemon/authentication.c strcmp(realm->name, name) != 0 && strcmp(realm->short_name, name)
core/daemon/authentication.c strcmp(known, found->name)
END
}
is_allowed() { # file:line:text
    allowed | while read -r file text; do
        case $1 in "$file":*"$text"*) echo yes ;; esac
    done | grep -q yes
}
users=$(grep -rlE '#include "(common/(credentials|sasl[a-z_]*|scram_keys)|http_authenticator/jwt/token)\.h"' core modules --include='*.c')
files=$(echo "$users" core/daemon/authentication.c modules/common/authorization.c modules/common/secret.c modules/http_authenticator/*/*.c \
    modules/authenticator/*/*.c modules/authenticatee/*/*.c modules/secret_resolver/*/*.c | tr ' ' '\n' | sort -u)
[ "$(echo "$files" | wc -l)" -ge 15 ] || complain "only these handle secrets: $files"
found=$(grep -nE "(^|[^a-z_])$compare\(" $files | sed -E "$literal" | grep -E "(^|[^a-z_])$compare\(")
while read -r line; do
    [ -z "$line" ] || is_allowed "$line" || complain "$line: is it a secret? then str_eq_secret() compares it; else tests/lint/secrets.sh wants to know"
done <<END
$found
END

# Everywhere: a name that says it.
named='(^|[^a-z])(secret|password|passwd|token|hmac|mac|signature|proof)s?([^a-z]|$)'
found=$(grep -rnE "(^|[^a-z_])$compare\(" core modules --include='*.[ch]' | sed -E "$literal" |
    grep -E "^[^:]*:[0-9]*:.*(^|[^a-z_])$compare\(" | awk -F: -v named="$named" '{ text = $0; sub(/^[^:]*:[0-9]+:/, "", text) } text ~ named')
while read -r line; do
    [ -z "$line" ] || is_allowed "$line" || complain "$line: secrets are compared by str_eq_secret()"
done <<END
$found
END

# Those that decide, and the comparison itself, which looks at every byte.
body() { # file, function
    awk -v name="$2" 'index($0, name "(") == 1 { on = 1 } on { print } on && /^}/ { exit }' "$1"
}
for place in modules/common/credentials.c:credentials_match modules/http_authenticator/jwt/token.c:check_signature; do
    body "${place%:*}" "${place#*:}" | grep -q 'str_eq_secret(' || complain "$place does not compare by str_eq_secret()"
done
body core/base/str.c str_eq_secret | grep -q 'differ |=' || complain "core/base/str.c: str_eq_secret() is not there, or is not what it was"
[ "$(body core/base/str.c str_eq_secret | grep -cE 'return|break|goto|memcmp|str_eq\(')" = 1 ] || complain "core/base/str.c: str_eq_secret() may stop early"
exit $status
