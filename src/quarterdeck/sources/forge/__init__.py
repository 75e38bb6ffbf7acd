"""What a forge (Gitea, Forgejo) tells of repositories, pull requests and issues, by asking and by nothing else."""
