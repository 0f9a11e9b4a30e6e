"""What the programs of Tests/Wire share: a server, cases, how answers are compared."""
