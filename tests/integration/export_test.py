"""export: what each program reads from the file that it gets is what the BMC accepts; who gets it is a holder, and due when
they leave."""

import os
import socket
import stat
import subprocess
import urllib.request

import yaml

from bmcs import Practice
from clients import Ipmitool
from program import AS_ASKED, NOT_AS_ASKED, USAGE, FleetTest, Vault, end, needed_tool, wait_until


class AnsibleLoader(yaml.SafeLoader):
    """As Ansible reads an inventory: what is unsafe is a string that is no template."""


AnsibleLoader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


class Export(FleetTest):
    def setUp(self):
        super().setUp()
        self.fleet = self.start(Practice(count=2))
        self.vault = Vault.create(self.directory, self.fleet.csv)
        self.assert_exit(self.vault.json("rotate", "bmc01"), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "bmc02", "--k-g"), AS_ASKED)

    def export(self, program, *selection, output="out", code=AS_ASKED):
        path = self.directory / output
        done = self.vault.json("export", *selection, "--for", program, "--output", path, "--holder", "reader", "--reason", "test")
        self.assert_exit(done, code)
        for name in self.fleet.names:
            self.assertNotIn(self.vault.reveal(name).password, done.out + done.err)
        return done, path

    def assert_private(self, path, mode=0o600):
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), mode, path)

    def test_ansible_reads_what_the_bmcs_accept(self):
        done, path = self.export("ansible", "--all")
        self.assert_private(path)
        hosts = yaml.load(path.read_text(encoding="utf-8"), AnsibleLoader)["all"]["hosts"]
        self.assertEqual(list(hosts), self.fleet.names)
        for name, host in hosts.items():
            client = Ipmitool(host["bmc_host"], host["bmc_port"])
            self.assertTrue(client.log_in(host["bmc_user"], host["bmc_password"], host.get("bmc_key")).accepted, name)
        self.assertEqual([each["password_version"] for each in done.objects[:-1]], [2, 2])
        events = [each["event"] for each in self.vault.json("log").objects if each["type"] == "event"]
        self.assertEqual(events.count("export"), 2)
        self.export("ansible", "bmc01")
        self.assertEqual(list(yaml.load(path.read_text(encoding="utf-8"), AnsibleLoader)["all"]["hosts"]), ["bmc01"])

    def test_freeipmi_logs_in_with_its_file_alone(self):
        _, directory = self.export("freeipmi", "--all")
        self.assert_private(directory, 0o700)
        for name in self.fleet.names:
            file = directory / f"{name}.conf"
            self.assert_private(file)
            address, port = self.fleet.place(name)
            argv = [needed_tool("bmc-info"), "--config-file", file, "-h", f"{address}:{port}", "--get-device-id"]
            asked = subprocess.run(argv, check=False, capture_output=True, text=True)
            self.assertEqual(asked.returncode, 0, asked)

    def test_ipmi_exporter_scrapes_a_bmc_and_one_with_a_k_g_is_said_to_be_left_out(self):
        done, path = self.export("ipmi_exporter", "--all", code=NOT_AS_ASKED)
        self.assertIn("bmc02: left out: ipmi_exporter takes no K_G", done.err)
        self.assertEqual(done.summary["outcomes"], {"exported": 1, "left-out": 1})
        self.assert_private(path)
        self.assertEqual(list(yaml.safe_load(path.read_text(encoding="utf-8"))["modules"]), ["bmc01"])
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            own = free.getsockname()[1]
        exporter = subprocess.Popen(
            [needed_tool("prometheus-ipmi-exporter"), f"--config.file={path}", f"--web.listen-address=127.0.0.1:{own}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.addCleanup(end, exporter)
        self.addCleanup(exporter.stderr.close)

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", own)) == 0

        wait_until(listens, "ipmi_exporter to listen", exporter)
        address, port = self.fleet.place("bmc01")
        url = f"http://127.0.0.1:{own}/ipmi?target={address}:{port}&module=bmc01"
        with urllib.request.urlopen(url, timeout=60) as answer:
            metrics = answer.read().decode()
        self.assertIn('ipmi_up{collector="bmc"} 1', metrics)

    def test_who_gets_it_is_a_holder_and_due_when_they_leave(self):
        self.export("ansible", "bmc02")
        holders = [each for each in self.vault.json("holder", "list").objects if each["type"] == "holder"]
        self.assertEqual([(each["name"], each["bmcs"]) for each in holders], [("reader", ["bmc02"])])
        left = self.vault.json("depart", "reader", "--yes", "--reason", "gone")
        self.assert_exit(left, AS_ASKED)
        self.assertEqual([self.vault.reveal(name).version for name in self.fleet.names], [2, 3])

    def test_what_can_not_be_written_is_said_and_leaves_nothing_behind(self):
        for arguments in (("--all",), ("--all", "--for", "excel", "--output", "x", "--holder", "y"),
                          ("--for", "ansible", "--output", "x", "--holder", "y")):  # fmt: skip
            self.assert_exit(self.vault.json("export", *arguments), USAGE)
        done, _ = self.export("ansible", "--all", output="missing/out", code=NOT_AS_ASKED)
        self.assertIn("missing/out: No such file or directory", done.err)
        (self.directory / "directory").mkdir()
        self.export("ansible", "--all", output="directory", code=NOT_AS_ASKED)
        self.assertEqual([name for name in os.listdir(self.directory) if name.startswith("directory.")], [])
        planned = self.vault.json("export", "--all", "--for", "ansible", "--output", "x", "--holder", "y", "--dry-run")
        self.assert_exit(planned, AS_ASKED)
        self.assertFalse(os.path.exists("x"))
