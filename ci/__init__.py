"""The engine of a third-party CI: it knows Gerrit, Zuul's job language and Ansible, and nothing of any one vendor."""
