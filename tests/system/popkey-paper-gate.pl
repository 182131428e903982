#!/usr/bin/perl
# The second paper's gate, from its description (N-23): scans the directory, removes what is over, and runs the SMTP server
# with RELAYCLIENT where the client's address is there.
#
#	popkey-paper-gate.pl DIRECTORY PROGRAM…
use strict;
my ($workDir, @program) = @ARGV;
my ($gateDur, $xpireDur) = (10, 300);
my ($ipAddr, $now) = ($ENV{TCPREMOTEIP} // '', time);
opendir(my $dir, $workDir) or die "$workDir: $!";
for my $name (readdir $dir) {
	next unless $name =~ /^([0-9A-Fa-f.:]+)(\+.*)?$/ && $name !~ /^\.+$/;
	my ($addr, $isSession) = ($1, defined $2);
	my $mtime = (stat "$workDir/$name")[9] // next;
	if ($now - $mtime > ($isSession ? $xpireDur : $gateDur)) {
		unlink "$workDir/$name";
	} elsif ($addr eq $ipAddr) {
		$ENV{RELAYCLIENT} = '';
	}
}
exec @program;
