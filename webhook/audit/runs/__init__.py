"""What runs tell of Jobs and CronJobs, beside what their specs say. Pure."""
