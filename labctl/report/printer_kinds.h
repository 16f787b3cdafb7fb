#pragma once

#include <string>
#include <vector>

#include "labctl/report/printer.h"
#include "labctl/report/table.h"

/// How each kind is listed. Private to the room.
namespace labctl::report {

struct KindColumn {
    const char* title;
    bool wide = false; // only with -o wide
};

/// The columns of a kind behind NAME, and a function that gives a cell for each, wide or not.
struct KindPrinter {
    std::vector<KindColumn> columns;
    std::vector<Cell> (*row)(const api::Json& body, const PrintOptions& options) = nullptr;
    bool name_last = false; // Event: NAME is the last column, and only with -o wide
};

/// The printer of a kind; of an unknown kind one that lists its age.
const KindPrinter& printer_for(const std::string& kind);

// By file.
const KindPrinter* workload_printer(const std::string& kind);
const KindPrinter* network_printer(const std::string& kind);
const KindPrinter* linkerd_printer(const std::string& kind);
const KindPrinter* gateway_printer(const std::string& kind);
const KindPrinter* cluster_printer(const std::string& kind);

// Small forms that the printers share.
std::string age_of(const api::Json& body, const PrintOptions& options);
std::string number_at(const api::Json& body, std::string_view path); // "0" when absent
std::string or_none(const std::string& text);                        // "<none>" when empty
std::string joined(const api::Json& list, std::string_view field);   // "a,b" of list[].field
/// Addresses, or else names, of `status.loadBalancer.ingress` of a Service or an Ingress.
std::vector<std::string> load_balancer_addresses(const api::Json& body);
/// At most `max` of them, then " + N more...".
std::string with_more(const std::vector<std::string>& list, std::size_t max, const char* if_empty);

} // namespace labctl::report
