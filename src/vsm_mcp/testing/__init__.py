"""Door 5, test: fakes for every port, servers in memory, hostile servers, crashes on demand."""
