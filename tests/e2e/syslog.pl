#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# syslog.pl SOCKET FILE   append what is sent to a syslog socket to a file,
# one line a message, with the time of receipt where there is none, as a log
# daemon does it. The socket is there when `ready` has been printed.
use strict;
use warnings;
use IO::Socket::UNIX;
use POSIX qw(strftime);
use Socket qw(SOCK_DGRAM);

@ARGV == 2 or die "usage: syslog.pl SOCKET FILE\n";
my ($path, $file) = @ARGV;
umask 0;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path)
    or die "$path: $!\n";
open my $log, '>>', $file or die "$file: $!\n";
$log->autoflush(1);
print "ready\n";
close STDOUT;
while (defined $socket->recv(my $message, 65536)) {
	$message =~ s/^<\d+>//;
	$message =~ s/[\0\n]+\z//;
	$message = strftime('%b %e %T ', localtime) . $message
	    if $message !~ /^[A-Z][a-z]{2} [ \d]\d [\d:]{8} /;
	print $log "$message\n";
}
