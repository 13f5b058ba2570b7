"""How each kind of node is built, in a worker, from the versions it rests on."""
