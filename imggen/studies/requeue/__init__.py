"""What a cluster does to a job, and what the job makes of it."""
