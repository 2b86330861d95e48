#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# One thing many times, each time measured:
#
#   many.pl COUNT pop HOST USER PASSWORD   a POP3 login
#   many.pl COUNT run COMMAND...           a command, %d in it counts
#
# Prints how many went well, and how many milliseconds the slowest and the
# median took. One that takes half a minute ends all.
use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes qw(time);

my ($count, $what, @words) = @ARGV;
my ($well, @took) = (0);

sub pop_login {
	my ($host, $user, $password) = @_;
	my $server = IO::Socket::INET->new(PeerAddr => $host, PeerPort => 110)
	    or return 0;
	my $reply = <$server> // '';
	for my $line ("USER $user", "PASS $password", 'QUIT') {
		return 0 unless $reply =~ /^\+OK/;
		print $server "$line\r\n";
		$reply = <$server> // '';
	}
	return $reply =~ /^\+OK/;
}

sub run {
	my ($number, @command) = @_;
	s/%d/$number/ for @command;
	return system(@command) == 0;
}

local $SIG{ALRM} = sub { print "$well hung\n"; exit 1 };
for my $number (1 .. $count) {
	my $begin = time;
	alarm 30;
	$well++ if $what eq 'pop' ? pop_login(@words) : run($number, @words);
	push @took, int((time - $begin) * 1000);
}
@took = sort { $a <=> $b } @took;
print "$well $took[-1] $took[@took / 2]\n";
