#pragma once

#include <string>

#include "labctl/api/object.h"
#include "labctl/manifest/diagnostic.h"
#include "labctl/manifest/read.h"

namespace labctl::manifest {

/// What a Markdown file of the learning commands is about.
enum class FrontMatterKind { Challenge, Quiz };

/// A Markdown file that begins with a YAML mapping between two lines "---".
struct FrontMatter {
    api::Object head;  // checked and completed; `source` is where the mapping begins
    std::string text;  // what follows, as written
    Findings findings; // warnings only
};

/// Reads such a file, whose `kind` has to be "challenge" or "quiz" as asked. Of the options
/// `strict` and `variables` count. Throws ManifestError with all that is wrong, also if the file is
/// not there.
FrontMatter
read_front_matter(const std::string& file, FrontMatterKind kind, const ReadOptions& options = {});

} // namespace labctl::manifest
