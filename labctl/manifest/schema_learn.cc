#include "labctl/manifest/schema_table.h"

/// The front matter of challenges and quizzes (labs/README.md), and what is handed in.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 3> kDifficulties{"easy", "hard", "medium"};
constexpr std::array<std::string_view, 5> kQuestionTypes{"multi", "number", "prediction", "single", "text"};
constexpr std::array<std::string_view, 3> kPredictions{"backend", "outcome", "reach"};

constexpr Table kObjective{
    text("key").required().is(dns_label), text("title").required(), int32("points").otherwise(1).range(0, 1000),
    text("checks").list().required(), text("needs").list(),
};

constexpr Table kHint{
    text("text").required(), int32("cost").otherwise(0).range(0, 1000), text("objective"),
};

constexpr Table kChallengeTable{
    Code{nullptr, check_challenge},
    kKind, text("title").required(), text("description"), text("difficulty").otherwise("medium").one_of(kDifficulties),
    text("categories").list(), text("estimatedTime").is(duration),
    object("objectives", kObjective).list().required().unique("key"), text("mustNotBreak").list(),
    object("hints", kHint).list(), text("protect").list(), int32("overPermissive").range(1, 1000),
    any("variables"), any("wrong"),
};

constexpr Table kQuestion{
    Code{nullptr, check_question},
    text("question").required(), text("type").required().one_of(kQuestionTypes), text("answers").list(), any("correct"),
    any("tolerance"), text("explanation"), int32("points").otherwise(1).range(0, 1000),
    text("from"), text("to"), text("ask").one_of(kPredictions), text("apply"), text("object"), text("jsonpath"),
};

constexpr Table kQuizTable{
    Code{nullptr, check_quiz},
    kKind, text("title").required(), text("description"), text("difficulty").otherwise("medium").one_of(kDifficulties),
    text("categories").list(), text("estimatedTime").is(duration), int32("passMark").otherwise(70).range(0, 100),
    any("variables"), object("questions", kQuestion).list().required(),
};

constexpr Table kSubmissionSpec{
    text("challenge").required(), int64("seed").at_least(0), text("delete").list().is(object_reference),
    int32("attempts").at_least(0), int32("hints").at_least(0), int32("hintCost").at_least(0),
};

constexpr Table kSubmissionTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kSubmissionSpec).always(),
};

} // namespace

constinit const Struct kChallenge{kChallengeTable.type()};
constinit const Struct kQuiz{kQuizTable.type()};
constinit const Struct kSubmission{kSubmissionTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
