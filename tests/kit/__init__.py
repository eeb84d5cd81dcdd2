"""What tests are written with: hosts, runs, servers, slow disks and a cron to try the product on. Never a test."""
