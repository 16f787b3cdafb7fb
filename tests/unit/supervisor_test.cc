#define BOOST_TEST_MODULE supervisor
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "labctl/supervisor/ended_logs.h"
#include "labctl/supervisor/last_requests.h"
#include "labctl/supervisor/log_buffer.h"
#include "labctl/supervisor/paths.h"
#include "labctl/supervisor/pod_files.h"
#include "labctl/supervisor/terminations.h"
#include "labctl/supervisor/variables.h"
#include "netemu/base/error.h"
#include "netemu/base/unique_fd.h"
#include "tests/support/temporary.h"

namespace fs = std::filesystem;
using labctl::api::Json;
using namespace labctl::supervisor;

namespace {

const ClusterDns kDns{
    "cluster.local",
    {*netemu::IpAddress::parse("10.96.0.10")},
    {*netemu::IpAddress::parse("172.18.0.1")}};

Json pod(const std::string& spec) {
    return {
        {"metadata", {{"name", "web-0"}, {"namespace", "prod"}}},
        {"spec", Json::parse(spec)},
        {"status", {{"podIPs", {{{"ip", "10.244.1.5"}}, {{"ip", "fd00::5"}}}}}}};
}

/// Where labctl keeps its files meanwhile.
struct Directory : netemu::test::TemporaryDirectory {
    Directory() {
        ::setenv("LABCTL_RUN_DIR", (path() + "/run").c_str(), 1);
        ::setenv("LABCTL_STATE_DIR", (path() + "/state").c_str(), 1);
        ::setenv("LABCTL_NETNS_DIR", (path() + "/netns").c_str(), 1);
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(resolv_conf_follows_the_dns_policy) {
    BOOST_TEST(
        pod_files(pod("{}"), kDns).resolv_conf ==
        "search prod.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n"
        "options ndots:5\n");
    const std::string node = "nameserver 172.18.0.1\n";
    BOOST_TEST(pod_files(pod(R"({"dnsPolicy": "Default"})"), kDns).resolv_conf == node);
    BOOST_TEST(pod_files(pod(R"({"hostNetwork": true})"), kDns).resolv_conf == node);
    BOOST_TEST(host_files("node-1", kDns).resolv_conf == node);
    const auto with_host_net =
        pod_files(pod(R"({"hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"})"), kDns);
    BOOST_TEST(with_host_net.resolv_conf.find("10.96.0.10") != std::string::npos);
    BOOST_TEST(
        pod_files(
            pod(R"({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.1"],
                    "searches": ["a.example"], "options": [{"name": "ndots", "value": "2"}]}})"),
            kDns)
            .resolv_conf == "search a.example\nnameserver 192.0.2.1\noptions ndots:2\n");
}

BOOST_AUTO_TEST_CASE(dns_config_merges_with_duplicates_removed_and_its_options_win) {
    BOOST_TEST(
        pod_files(
            pod(R"({"dnsConfig": {"nameservers": ["10.96.0.10", "192.0.2.1"], "searches": ["cluster.local"],
                    "options": [{"name": "ndots", "value": "1"}, {"name": "edns0"}]}})"),
            kDns)
            .resolv_conf == "search prod.svc.cluster.local svc.cluster.local cluster.local\n"
                            "nameserver 10.96.0.10\nnameserver 192.0.2.1\noptions ndots:1 edns0\n");
}

BOOST_AUTO_TEST_CASE(hosts_and_hostname) {
    auto files = pod_files(
        pod(R"({"subdomain": "db", "hostAliases": [{"ip": "192.0.2.9", "hostnames": ["a", "b"]}]})"),
        kDns);
    BOOST_TEST(files.hostname == "web-0");
    BOOST_TEST(
        files.hosts.find("10.244.1.5\tweb-0.db.prod.svc.cluster.local\tweb-0\n") !=
        std::string::npos);
    BOOST_TEST(files.hosts.find("fd00::5\tweb-0.db") != std::string::npos);
    BOOST_TEST(files.hosts.ends_with("192.0.2.9\ta\tb\n"));
    files =
        pod_files(pod(R"({"hostname": "h", "subdomain": "db", "setHostnameAsFQDN": true})"), kDns);
    BOOST_TEST(files.hostname == "h.db.prod.svc.cluster.local");
}

BOOST_AUTO_TEST_CASE(environment_has_literals_and_fields) {
    const auto whole = pod(
        R"~({"containers": [{"env": [{"name": "A", "value": "1"},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "IPS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIPs"}}},
            {"name": "ALL", "value": "$(A) of $(POD), not $(LATER) nor $$(A)"},
            {"name": "LATER", "value": "2"}]}]})~");
    const auto environment = pod_environment(whole, whole["spec"]["containers"][0]);
    BOOST_TEST(environment.at("A") == "1");
    BOOST_TEST(environment.at("POD") == "web-0");
    BOOST_TEST(environment.at("IPS") == "10.244.1.5,fd00::5");
    BOOST_TEST(environment.at("ALL") == "1 of web-0, not $(LATER) nor $(A)");
}

BOOST_AUTO_TEST_CASE(variables_stand_for_their_values) {
    const std::map<std::string, std::string> variables{{"PORT", "8080"}, {"EMPTY", ""}};
    const std::pair<const char*, const char*> rows[] = {
        {"", ""},
        {"--port=$(PORT)", "--port=8080"},
        {"$(PORT)$(PORT)", "80808080"},
        {"[$(EMPTY)]", "[]"},
        {"$(NONE)", "$(NONE)"},
        {"$$(PORT)", "$(PORT)"},
        {"$$$(PORT)", "$8080"},
        {"$PORT ${PORT} $", "$PORT ${PORT} $"},
        {"$(PORT", "$(PORT"},
        {"$()", "$()"},
    };
    for (const auto& [text, expanded] : rows) {
        BOOST_TEST(expand_variables(text, variables) == expanded, text);
    }
}

BOOST_AUTO_TEST_CASE(log_buffer_keeps_the_last_lines_within_its_bound) {
    LogBuffer logs;
    logs.append("one\ntw");
    logs.append("o\nthree");
    BOOST_TEST(logs.tail(-1) == "one\ntwo\nthree");
    BOOST_TEST(logs.tail(2) == "two\nthree");
    BOOST_TEST(logs.tail(0) == "");
    const std::string line(1023, 'x');
    for (int i = 0; i < 3000; ++i) {
        logs.append(line + "\n");
    }
    BOOST_TEST(logs.tail(-1).size() <= LogBuffer::kBytesMax);
    BOOST_TEST(logs.tail(-1).size() > LogBuffer::kBytesMax / 2);
    logs.append(std::string(3 * LogBuffer::kBytesMax, 'y'));
    BOOST_TEST(logs.tail(-1).size() <= LogBuffer::kBytesMax);
}

BOOST_AUTO_TEST_CASE(log_followers_hear_everything_and_the_end) {
    std::string heard;
    bool ended = false;
    {
        LogBuffer logs;
        const auto gone = logs.follow([&](std::string_view) { BOOST_ERROR("it had left"); });
        logs.unfollow(gone);
        logs.follow([&](std::string_view text) {
            text.empty() ? void(ended = true) : void(heard += text);
        });
        logs.append("a\n");
        logs.append("b");
    }
    BOOST_TEST(heard == "a\nb");
    BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(lab_names_are_labels) {
    for (const auto* good : {"demo", "a", "x-1", "0"}) {
        BOOST_CHECK_NO_THROW(check_lab_name(good));
    }
    for (const auto* bad : {"", "-a", "a-", "A", "a.b", "a/b", "..", "a b"}) {
        BOOST_CHECK_THROW(check_lab_name(bad), netemu::UsageError);
    }
    BOOST_CHECK_THROW(check_lab_name(std::string(41, 'a')), netemu::UsageError);
}

BOOST_AUTO_TEST_CASE(a_lab_lives_while_its_lock_is_held) {
    const Directory directory;
    const auto paths = LabPaths::of("x");
    BOOST_TEST(!lab_alive(paths));
    make_directories(paths.run_dir);
    {
        const netemu::UniqueFd lock(
            ::open(paths.lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        BOOST_TEST(!lab_alive(paths));
        BOOST_REQUIRE(::flock(lock.get(), LOCK_EX | LOCK_NB) == 0);
        BOOST_TEST(lab_alive(paths));
    }
    BOOST_TEST(!lab_alive(paths));
}

BOOST_AUTO_TEST_CASE(only_our_own_files_are_removed) {
    const Directory directory;
    const auto paths = LabPaths::of("x");
    make_directories(paths.run_dir);
    make_directories(paths.netns_dir);
    std::ofstream(paths.socket) << "s";
    std::ofstream(paths.netns_dir + "/x.file") << "no link, so not ours";
    fs::create_symlink("/proc/1/ns/net", paths.netns_dir + "/x.node-1");
    fs::create_symlink("/proc/1/ns/net", paths.netns_dir + "/y.node-1");
    BOOST_TEST((known_labs() == std::vector<std::string>{"x"}));
    BOOST_TEST(remove_run_files(paths));
    BOOST_TEST(!fs::exists(paths.run_dir));
    BOOST_TEST(!fs::is_symlink(paths.netns_dir + "/x.node-1"));
    BOOST_TEST(fs::is_symlink(paths.netns_dir + "/y.node-1"));
    BOOST_TEST(fs::exists(paths.netns_dir + "/x.file"));
    BOOST_TEST(!remove_run_files(paths));
    BOOST_TEST(known_labs().empty());
}

BOOST_AUTO_TEST_CASE(logs_of_ended_commands_are_bounded_and_the_oldest_go_first) {
    const auto pod = [](std::size_t number) {
        return labctl::api::ObjectKey{"Pod", "jobs", std::to_string(number)};
    };
    EndedLogs logs;
    for (std::size_t i = 0; i <= EndedLogs::kLogsMax; ++i) {
        logs.keep(pod(i), "uid", "text");
    }
    BOOST_TEST(!logs.find(pod(0)));
    BOOST_REQUIRE(logs.find(pod(1)));
    logs.keep(pod(1), "uid", "again"); // is the youngest now
    logs.keep(pod(1000), "uid", "more");
    BOOST_TEST(!logs.find(pod(2)));
    BOOST_TEST(*logs.find(pod(1)) == "again");
    logs.forget_if([](const auto& key, const auto&) { return key.name != "1"; });
    const std::string large(LogBuffer::kBytesMax, 'x');
    for (std::size_t i = 0; i < EndedLogs::kBytesMax / large.size(); ++i) {
        BOOST_TEST(logs.find(pod(1)) != nullptr);
        logs.keep(pod(5000 + i), "uid", large);
    }
    BOOST_TEST(!logs.find(pod(1)));
    BOOST_TEST(logs.find(pod(5000)) != nullptr);
}

BOOST_AUTO_TEST_CASE(a_log_of_empty_lines_is_bounded_too) {
    LogBuffer log;
    log.append("first\n");
    log.append(std::string(LogBuffer::kLinesMax, '\n'));
    BOOST_TEST(log.tail(-1) == std::string(LogBuffer::kLinesMax, '\n'));
}

BOOST_AUTO_TEST_CASE(run_files_are_removed_only_by_who_holds_the_lock) {
    const Directory directory;
    const auto paths = LabPaths::of("x");
    make_directories(paths.run_dir);
    auto old_keeper = try_lock(paths);
    BOOST_REQUIRE(old_keeper);
    BOOST_TEST(!try_lock(paths));
    BOOST_TEST(!remove_run_files(paths)); // of a lab that is up
    BOOST_TEST(fs::exists(paths.run_dir));
    BOOST_TEST(remove_run_files(paths, old_keeper)); // as its supervisor does it
    BOOST_TEST(!lab_alive(paths));
    const auto new_keeper = try_lock(paths);
    BOOST_REQUIRE(new_keeper);
    make_directories(paths.run_dir);
    BOOST_TEST(!remove_run_files(paths, old_keeper));
    old_keeper.reset();
    BOOST_TEST(fs::exists(paths.run_dir));
    BOOST_TEST(lab_alive(paths));
    BOOST_TEST(remove_run_files(paths, new_keeper));
    BOOST_TEST(!fs::exists(paths.lock_file));
}

BOOST_AUTO_TEST_CASE(a_pod_is_told_of_once_it_is_silent) {
    using Served = labctl::dataplane::DataPlane::Served;
    netemu::EventLoop loop;
    std::vector<Served> answers{{7, std::chrono::milliseconds(10)}, {9, std::chrono::seconds(2)}};
    std::size_t asked = 0;
    std::string told;
    bool out = true;
    LastRequests requests(
        loop,
        [&](const std::string& pod, const labctl::dataplane::DataPlane::ServedCallback& answer) {
            BOOST_TEST(pod == "default/web-1");
            answer(answers.at(asked++));
        },
        [&](const auto&) { return out; },
        [&](const auto& service, const std::string& text) { told = service.name + ": " + text; });
    const auto run = [&](const std::function<bool()>& until) {
        const auto end = netemu::Clock::now() + std::chrono::seconds(20);
        while (!until() && netemu::Clock::now() < end) {
            loop.run_once(std::chrono::milliseconds(100));
        }
    };
    const labctl::api::ObjectKey service{"Service", "default", "web"};
    requests.follow(service, {"Pod", "default", "web-1"}, netemu::Clock::now());
    run([&] { return !told.empty(); });
    BOOST_TEST(asked == 2U); // it was not silent the first time
    BOOST_TEST(told.starts_with("web: pod web-1 not ready -> "), told);
    told.clear();
    out = false; // ready again meanwhile
    bool passed = false;
    requests.follow(service, {"Pod", "default", "web-1"}, netemu::Clock::now());
    loop.after(std::chrono::milliseconds(1500), [&] { passed = true; });
    run([&] { return passed; });
    BOOST_TEST(asked == 2U);
    BOOST_TEST(told.empty());
}

BOOST_AUTO_TEST_CASE(a_termination_runs_in_its_order) {
    netemu::EventLoop loop;
    std::string what;
    Terminations terminations(
        loop,
        [&](const auto& key) { what += "tell " + key.name + "; "; },
        [&](const auto& key, const std::string& uid) { what += "end " + key.name + uid + "; "; });
    const auto pod_with = [](const std::string& name, int grace, const std::string& seconds) {
        labctl::api::Object object;
        object.body = {
            {"kind", "Pod"},
            {"metadata",
             {{"name", name},
              {"namespace", "default"},
              {"uid", "-uid"},
              {"deletionTimestamp", "2026-01-01T00:00:00Z"},
              {"deletionGracePeriodSeconds", grace},
              {"annotations", {{"labctl.dev/termination-seconds", seconds}}}}},
            {"spec", {{"containers", Json::array()}}}};
        return object;
    };
    const auto run_until = [&](const std::string& wanted) {
        const auto end = netemu::Clock::now() + std::chrono::seconds(20);
        while (what != wanted && netemu::Clock::now() < end) {
            loop.run_once(std::chrono::milliseconds(100));
        }
        BOOST_TEST(what == wanted);
    };
    terminations.follow(pod_with("a", 30, "0.1"), false);
    run_until("tell a; end a-uid; ");
    terminations.forget({"Pod", "default", "a"});
    what.clear();
    terminations.follow(pod_with("b", 60, "50"), false);
    run_until("tell b; ");
    BOOST_TEST(terminations.told_to_end({"Pod", "default", "b"}));
    terminations.follow(pod_with("b", 1, "50"), false); // --now
    run_until("tell b; end b-uid; ");
    terminations.forget({"Pod", "default", "b"});
    what.clear();
    terminations.follow(pod_with("c", 60, "0"), true); // a real process says itself when
    run_until("tell c; ");
    terminations.ended({"Pod", "default", "c"});
    run_until("tell c; end c-uid; ");
}
