# SPDX-License-Identifier: BSD-2-Clause
#
# held.pl MAP LIFETIME STRANGERS FILE...   the addresses that load has noted
# in the files are in the map, when it is read from its beginning to its end
# and when each is looked up, as mail servers do: both without any of our
# code. Their expiry is right, and no more others are there than STRANGERS,
# which are those that were reported and not acknowledged.
use strict;
use warnings;
use DB_File;
use Fcntl;

my ($map, $lifetime, $strangers, @files) = @ARGV;
my (%least, %walked, @wrong);

for my $file (@files) {
	open(my $lines, '<', $file) or die "$file: $!\n";
	while (<$lines>) {
		# The last line may be about to be written.
		my ($address, $before) = /^(\S+) (\d+) \d+\n\z/ or last;
		my $expiry = $before + $lifetime;
		$least{$address} = $expiry
		    if $expiry > ($least{$address} // 0);
	}
}

open(my $dump, '-|', 'db5.3_dump', '-p', $map) or die "db5.3_dump: $!\n";
while (<$dump>) {
	last if $_ eq "HEADER=END\n";
}
while (my $key = <$dump>) {
	last if $key eq "DATA=END\n";
	my $value = <$dump> // '';
	chomp($key, $value);
	$key =~ s{/128\z}{}; # readers has postfix
	push @wrong, "$key is there twice" if exists $walked{substr($key, 1)};
	$walked{substr($key, 1)} = substr($value, 1);
}
close($dump) or push @wrong, 'db5.3_dump complains';

my $most = time + $lifetime;
my $read = tie(my %looked_up, 'DB_File', $map, O_RDONLY, 0, $DB_BTREE)
    or die "$map: $!\n";
for my $address (keys %least) {
	my @found = ($walked{$address},
	    $looked_up{$address} // $looked_up{"$address/128"});
	for my $road (0, 1) {
		my $how = (qw(walk lookup))[$road];
		my $is = $found[$road];
		if (!defined $is) {
			push @wrong, "$address: missing ($how)";
		} elsif ($is !~ /^\d+\z/ || $is < $least{$address} ||
		    $is > $most) {
			push @wrong, "$address: $is ($how), not " .
			    "$least{$address}..$most";
		}
	}
}

my @others = grep { !exists $least{$_} } keys %walked;
push @wrong, scalar(@others) . " were not acknowledged: @others[0 .. 2]..."
    if @others > $strangers;
die "no address was acknowledged\n" if !%least;
exit 0 if !@wrong;
print scalar(@wrong), " wrong of ", scalar(keys %least), ": ",
    join('; ', grep { defined } @wrong[0 .. 4]), "\n";
exit 1;
