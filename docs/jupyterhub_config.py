"""An example for JupyterHub: one server per student, each within limits that were measured.

Where the limits come from: the table in docs/instructor.md, written by `python -m benchmarks student_kernels`.
Needs in the course's environment: `pip install jupyterhub jupyterhub-systemdspawner
jupyterhub-idle-culler` (systemd enforces the limits; JupyterHub's default spawner does not), beside
it Node.js and `npm install -g configurable-http-proxy`, in front of it TLS (passwords travel through
it), and an authenticator of your institution in place of PAM.
Start as root: `/opt/saflab/.venv/bin/jupyterhub -f /opt/saflab/docs/jupyterhub_config.py`.
"""

from pathlib import Path

c = get_config()  # noqa: F821

# The environment that holds saflab, readable by all, writable by root alone.
environment = Path("/opt/saflab/.venv")
course = Path("/opt/saflab/notebooks")

c.JupyterHub.spawner_class = "systemdspawner.SystemdSpawner"
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.admin_users = {"teacher"}
c.Authenticator.allow_all = True  # all accounts of this machine; narrow it with allowed_users

c.Spawner.cmd = [str(environment / "bin" / "jupyterhub-singleuser")]
# Explorers without the delay of Jupyter's websocket.
c.Spawner.args = ["--ServerApp.jpserver_extensions=saflab.course.jupyter_server=True"]
c.Spawner.default_url = "/lab/tree/notebooks/00_start.ipynb"
# Two kernels fit; one lesson needs the memory that the table gives.
c.Spawner.mem_limit = "2G"
c.Spawner.cpu_limit = 2.0
c.Spawner.environment = {
    "PATH": f"{environment / 'bin'}:/usr/bin:/bin",  # `saflab` in a terminal
    "OMP_NUM_THREADS": "2",  # torch would take every core for every student
    "SAFLAB_FAST": "1",
    "SAFLAB_DATA": "/opt/saflab/data",
}
# A copy of lessons and labs for each student, made once; what a student has changed stays. The
# solutions are in /opt/saflab/instructor and .git: `chmod go= /opt/saflab/instructor /opt/saflab/.git`.
c.Spawner.pre_spawn_hook = lambda spawner: _copy_lessons(spawner.user.name)

# Servers without anybody in front of them give their memory back.
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [str(environment / "bin" / "python"), "-m", "jupyterhub_idle_culler",
                    "--timeout=3600"],
    }
]  # fmt: skip
# At the start of an hour everybody comes at once: start few servers at a time.
c.JupyterHub.concurrent_spawn_limit = 10
c.JupyterHub.active_server_limit = 30


def _copy_lessons(user: str) -> None:
    """Run as that user, so that no link in a student's home can lead root astray."""
    import subprocess

    half = "$HOME/.notebooks.half"
    copy = f'rm -rf "{half}" && cp -R "{course}" "{half}"'
    script = f'test -e "$HOME/notebooks" || {{ {copy} && mv "{half}" "$HOME/notebooks"; }}'
    subprocess.run(["runuser", "-u", user, "--", "sh", "-c", script], check=True)
