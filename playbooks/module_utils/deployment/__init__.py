"""What any deployment on a node needs, devstack or another: sources, patches, scripts, driver, cloud, logs, verdict."""
