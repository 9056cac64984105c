"""What `mlgitops init` writes: the files of a team's repository, made from templates."""
