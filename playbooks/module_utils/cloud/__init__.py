"""A throwaway OpenStack on one node: what the modules of these playbooks share."""
