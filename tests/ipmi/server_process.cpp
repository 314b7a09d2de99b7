#include "tests/ipmi/server_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace bmcvault::ipmi::test {
namespace {

constexpr std::chrono::seconds kStartLimit{30};

// A port that was free a moment ago.
std::uint16_t free_port() {
    const int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    const bool bound = bind(descriptor, generic, size) == 0 && getsockname(descriptor, generic, &size) == 0;
    close(descriptor);
    if (!bound) throw std::runtime_error("no free UDP port");
    return ntohs(address.sin_port);
}

// Lines of /proc/net/udp: "  sl: LOCALADDR:PORT REMOTE:PORT ...", in hexadecimal.
bool is_bound(std::uint16_t port) {
    std::ostringstream wanted;
    wanted.width(4);
    wanted.fill('0');
    wanted << std::uppercase << std::hex << port;
    for (const char* table : {"/proc/net/udp", "/proc/net/udp6"}) {
        std::ifstream lines(table);
        std::string slot;
        std::string local;
        for (std::string line; std::getline(lines, line);) {
            std::istringstream(line) >> slot >> local;
            if (local.ends_with(":" + wanted.str())) return true;
        }
    }
    return false;
}

}  // namespace

ServerProcess::ServerProcess() : port_(free_port()) {
    auto pattern = (std::filesystem::temp_directory_path() / "bmcvault-server-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no directory for the server");
    directory_ = pattern;
}

ServerProcess::~ServerProcess() {
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

std::unique_ptr<ServerProcess> ServerProcess::ipmi_sim(std::string_view k_g) {
    std::unique_ptr<ServerProcess> server(new ServerProcess);
    std::ostringstream lan;
    lan << "name \"bmc\"\nset_working_mc 0x20\n  startlan 1\n    addr 127.0.0.1 " << server->port_ << "\n"
        << "    priv_limit admin\n"
        << "    allowed_auths_callback none md2 md5 straight\n    allowed_auths_user none md2 md5 straight\n"
        << "    allowed_auths_operator none md2 md5 straight\n    allowed_auths_admin none md2 md5 straight\n"
        << "    guid a123456789abcdefa123456789abcd01\n";
    if (!k_g.empty()) lan << "    bmc_key \"" << k_g << "\"\n";
    lan << "  endlan\n"
        << "  user 1 true  \"\"         \"anonpw\"   user     10\n"
        << "  user 2 true  \"ADMIN\"    \"ADMIN\"    admin    10\n"
        << "  user 3 true  \"rotator\"  \"rotpass0\" admin    10\n"
        << "  user 6 false \"disabled\" \"dispw\"    admin    10\n";
    server->write("lan.conf", lan.str());
    server->write("bmc.emu",
                  "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\n"
                  "sel_enable 0x20 1000 0x0a\nmc_enable 0x20\n");
    std::filesystem::create_directory(server->directory_ / "state");
    server->start({"ipmi_sim", "-n", "-c", "lan.conf", "-f", "bmc.emu", "-s", "state"});
    return server;
}

std::unique_ptr<ServerProcess> ServerProcess::pyghmi(std::string_view password, std::string_view k_g) {
    std::unique_ptr<ServerProcess> server(new ServerProcess);
    std::ostringstream script;
    script << "import pyghmi.ipmi.bmc as bmc\n"
           << "server = bmc.Bmc({'ADMIN': '" << password << "'}, port=" << server->port_ << ", address='127.0.0.1')\n";
    if (!k_g.empty()) script << "server.set_kg('" << k_g << "')\n";
    script << "server.listen()\n";
    server->write("bmc.py", script.str());
    server->start({"/usr/bin/python3", "bmc.py"});
    return server;
}

Peer ServerProcess::peer() const {
    return {asio::ip::address_v4::loopback(), port_};
}

bool ServerProcess::running() const {
    return waitpid(pid_, nullptr, WNOHANG) == 0;
}

void ServerProcess::write(std::string_view name, std::string_view text) const {
    std::ofstream(directory_ / name) << text;
}

void ServerProcess::start(const std::vector<std::string>& arguments) {
    std::vector<char*> argv;
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);  // a crashed test leaves no server behind
        const int nothing = open("/dev/null", O_RDWR);
        const int log = open((directory_ / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (chdir(directory_.c_str()) != 0 || dup2(nothing, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) _exit(126);
        execvp(argv.front(), argv.data());
        _exit(127);
    }
    wait_until_bound();
}

// ipmi_sim says nothing when it is ready and stays alive when bind() fails: the socket table is the only witness.
void ServerProcess::wait_until_bound() const {
    const auto limit = std::chrono::steady_clock::now() + kStartLimit;
    while (!is_bound(port_)) {
        if (!running()) throw std::runtime_error("the server ended at once; is it installed?");
        if (std::chrono::steady_clock::now() > limit) throw std::runtime_error("the server never bound its port");
        std::this_thread::yield();
    }
}

}  // namespace bmcvault::ipmi::test
