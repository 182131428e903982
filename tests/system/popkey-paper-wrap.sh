#!/bin/sh
# The second paper's wrapper, from its description (N-22): between qmail's authenticator and its POP server.
#
#	popkey-paper-wrap.sh DIRECTORY PROGRAM…
workDir=$1
shift
if [ -z "$TCPREMOTEIP" ]; then
	"$@"
	exit
fi
touch "$workDir/$TCPREMOTEIP+$$"
"$@"
code=$?
touch "$workDir/$TCPREMOTEIP+$$"
mv -f "$workDir/$TCPREMOTEIP+$$" "$workDir/$TCPREMOTEIP"
exit $code
