// The searching tests are only worth what they would find: machines with one seeded mistake each, and the rule that
// must catch it.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/rotate/password_world.hpp"

namespace bmcvault::rotate::test {
namespace {

// Changes what the real machine is told, or what it asks for.
struct Mutant {
    std::string mistake;
    std::string caught_by;
    std::function<Event(const PasswordState&, Event)> hears;
    std::function<Step(const PasswordState&, const Event&, Step)> does;

    // NOLINTNEXTLINE(readability-convert-member-functions-to-static): as the other machines
    [[nodiscard]] Step start(const Situation& situation) const { return rotate::start(situation); }
    [[nodiscard]] Step step(const PasswordState& state, const Event& event) const {
        const Event heard = hears ? hears(state, event) : event;
        const Step result = rotate::step(state, heard);
        return does ? does(state, heard, result) : result;
    }
};

Step instead(Step result, const Action& action) {
    result.state.asked = action;
    result.action = action;
    return result;
}

template <class Change>
auto hears_sighting(Change change) {
    return [change](const PasswordState& state, Event event) {
        if (auto* sighted = std::get_if<Sighted>(&event)) change(state, *sighted);
        return event;
    };
}

const ApplyResult* answer_to_apply(const Event& event) {
    const auto* applied = std::get_if<Applied>(&event);
    return applied == nullptr ? nullptr : &applied->result;
}

std::vector<Mutant> those_that_do_something_else() {
    std::vector<Mutant> all;
    all.push_back({"commits because the BMC said OK", "I3", {}, [](const PasswordState&, const Event& event, Step s) {
                       const ApplyResult* result = answer_to_apply(event);
                       const bool ok = result != nullptr && *result == ApplyResult::kAccepted;
                       return ok ? instead(s, Commit{*s.state.situation.pending}) : s;
                   }});
    all.push_back({"retries with a new secret", "I2", {}, [](const PasswordState&, const Event&, Step s) {
                       const bool retry = std::holds_alternative<Apply>(s.action) && s.state.applies == 2;
                       return retry ? instead(s, Stage{StoredSize::k20, Shape::kFull}) : s;
                   }});
    all.push_back(
        {"takes no reply for failed, does not ask", "I4", {}, [](const PasswordState&, const Event& event, Step s) {
             const ApplyResult* result = answer_to_apply(event);
             const bool lost = result != nullptr && *result == ApplyResult::kNoReply;
             return lost ? instead(s, Abandon{*s.state.situation.pending}) : s;
         }});
    all.push_back({"believes a refusal, does not ask", "I4", {}, [](const PasswordState&, const Event& event, Step s) {
                       const ApplyResult* result = answer_to_apply(event);
                       const bool no = result != nullptr && *result == ApplyResult::kRefusedByPolicy;
                       return no ? instead(s, Abandon{*s.state.situation.pending}) : s;
                   }});
    all.push_back(
        {"gives up an accepted secret that is not there yet", "I4", {}, [](const PasswordState&, const Event&, Step s) {
             const bool waits = std::holds_alternative<Wait>(s.action) && s.state.waits == 2;
             return waits ? instead(s, Abandon{*s.state.situation.pending}) : s;
         }});
    all.push_back({"changes what it should only find", "FIND", {}, [](const PasswordState&, const Event&, Step s) {
                       const bool found = s.state.situation.goal == Goal::kFind &&
                                          std::holds_alternative<Finish>(s.action) && !s.state.situation.pending;
                       return found ? instead(s, Stage{StoredSize::k20, Shape::kFull}) : s;
                   }});
    all.push_back({"waits for ever", "I7", {}, [](const PasswordState&, const Event&, Step s) {
                       s.state.waits = 0;
                       return s;
                   }});
    all.push_back({"calls a refusal a success", "REPORT", {}, [](const PasswordState&, const Event&, Step s) {
                       const auto* end = std::get_if<Finish>(&s.action);
                       const bool no = end != nullptr && end->outcome == Outcome::kRefused;
                       return no ? instead(s, Finish{Outcome::kRotated, ""}) : s;
                   }});
    all.push_back(
        {"does not write down an older version", "REPORT", {}, [](const PasswordState&, const Event&, Step s) {
             const bool found = std::holds_alternative<RecordFound>(s.action);
             return found ? instead(s, Finish{Outcome::kAlreadyCurrent, ""}) : s;
         }});
    return all;
}

std::vector<Mutant> those_that_hear_something_else() {
    std::vector<Mutant> all;
    all.push_back({"sends before the COMMIT returned OK",
                   "I1",
                   [](const PasswordState&, Event event) {
                       if (auto* staged = std::get_if<Staged>(&event)) {
                           if (staged->durable == Durable::kUnknown) *staged = {Durable::kCommitted, VersionNumber{9}};
                       }
                       return event;
                   },
                   {}});
    all.push_back({"takes a mangled password for the exact one",
                   "I3",
                   hears_sighting([](const PasswordState&, Sighted& seen) { seen.sighting.form = Form::kExact; }),
                   {}});
    all.push_back({"does not look at the rights",
                   "I3",
                   hears_sighting([](const PasswordState&, Sighted& seen) {
                       if (seen.sighting.version) seen.sighting.administrator = true;
                       if (seen.sighting.version) seen.sighting.answer = Answer::kMatched;
                   }),
                   {}});
    all.push_back({"talks to another board",
                   "I10",
                   hears_sighting([](const PasswordState& state, Sighted& seen) {
                       if (seen.sighting.answer != Answer::kIdentityChanged || !state.situation.current) return;
                       seen.sighting = {Answer::kMatched, state.situation.current, Form::kExact, true};
                   }),
                   {}});
    all.push_back({"trusts a board that it has never seen",
                   "I10",
                   hears_sighting([](const PasswordState&, Sighted& seen) { seen.sighting.strange_board = false; }),
                   {}});
    all.push_back({"goes on after a full disk",
                   "REPORT",
                   [](const PasswordState&, Event event) {
                       if (auto* stored = std::get_if<Stored>(&event)) stored->durable = Durable::kCommitted;
                       return event;
                   },
                   {}});
    all.push_back({"does not notice that the session is gone",
                   "SESSION",
                   [](const PasswordState& state, Event event) {
                       if (auto* applied = std::get_if<Applied>(&event)) applied->kept_session = true;
                       if (auto* waited = std::get_if<Waited>(&event)) waited->kept_session = true;
                       auto* sighted = std::get_if<Sighted>(&event);
                       if (sighted != nullptr && state.kept) sighted->kept_session = true;
                       return event;
                   },
                   {}});
    all.push_back({"opens a third session",
                   "SESSION",
                   [](const PasswordState&, Event event) {
                       if (auto* checked = std::get_if<SlotChecked>(&event)) checked->kept_session = false;
                       return event;
                   },
                   {}});
    return all;
}

class PasswordMutants : public ::testing::TestWithParam<Mutant> {};

TEST_P(PasswordMutants, IsCaught) {
    const Mutant& mutant = GetParam();
    Findings findings;
    const Search search = search_all([&](Choices& choices, std::size_t& steps) {
        PasswordWorld world(mutant, choices, steps, findings);
        world.faults_left = 2;
        world.goal = static_cast<Goal>(choices.pick(3));
        world.begin(static_cast<Beginning>(choices.pick(kBeginnings)));
        world.run();
    });
    RecordProperty("runs_until_caught", static_cast<int>(search.runs));
    EXPECT_EQ(search.rule, mutant.caught_by) << mutant.mistake << ": " << search.what;
}

std::string name_of(const ::testing::TestParamInfo<Mutant>& mutant) {
    std::string name;
    for (const char letter : mutant.param.mistake)
        name += std::isalnum(static_cast<unsigned char>(letter)) != 0 ? letter : '_';
    return name;
}

INSTANTIATE_TEST_SUITE_P(Doing, PasswordMutants, ::testing::ValuesIn(those_that_do_something_else()), name_of);
INSTANTIATE_TEST_SUITE_P(Hearing, PasswordMutants, ::testing::ValuesIn(those_that_hear_something_else()), name_of);

void PrintTo(const Mutant& mutant, std::ostream* out) {
    *out << mutant.mistake;
}

}  // namespace
}  // namespace bmcvault::rotate::test
