"""Work in other processes: on this machine, or on the workers of a Dask cluster.

`values.Workers` is what both are: a call goes in under a name, and comes back as a value or as a
problem; what it prints comes home line by line meanwhile. Each call runs in a process of its own
kind (`process`), never in that of a Dask worker, so that variables, modules and MLflow's state of
one call are not those of another, and a call that nobody wants any more can be ended.

On a cluster, variables that log in do not travel with the work: a worker that is about to begin
asks for them, and gets them sealed for itself alone (`sealed`). `far` is what runs there.
"""
