"""The command line as its users meet it: separate processes, real files and servers, terminals."""
