"""The issues of the demo: between them, every lane of the board, and every way in which signals do not agree.

Rule: everything here is invented.
"""

from __future__ import annotations

from typing import Final

from quarterdeck.demo.forge.stories import Card, Step

READY, BUSY, STUCK, REVIEW = "status/ready", "status/in-progress", "status/blocked", "status/in-review"
BUG, NEW, CHORE, HIGH = "kind/bug", "kind/feature", "kind/chore", "priority/high"
N, S = ("north-bot",), ("south-bot",)

CARDS: Final = (
    # --- done
    Card("quays", "site", "bob", 27, "Visitors come when the quay is closed", "", (BUG,), N),
    Card("cite", "atlas", "alice", 20, "Nobody knows where an answer is from", "", (NEW,), S, "Answers that cite"),
    Card("nights", "fleet", "bob", 14, "Reports arrive in the middle of the night", "", (BUG,), N),
    Card("vat", "ledger", "alice", 11, "The tax of single lines is lost", "", (BUG, HIGH), S, "Year end"),
    Card("seals", "site", "alice", 22, "Buy the photographs of the seals", "", (CHORE,), ("bob",), then=(Step(300,
        "close", by="bob"),)),
    Card("typos", "atlas", "bob", 10, "Correct the names of the islands", "", (BUG,), S, then=(Step(150, "close",
        by="south-bot"), Step(3, "claim", by="south-bot"))),
    Card("hours", "site", "bob", 4, "The shop shows the hours of yesterday", "", (BUG,), N, then=(Step(20, "close",
        by="north-bot"),)),
    Card("thanks", "site", "alice", 5.5, "Thank visitors for their order", "", (NEW,), S, then=(Step(54, "close",
        by="south-bot"),)),
    # --- in review
    Card("delivery", "site", "bob", 6, "Say how long delivery takes", "", (NEW, REVIEW), N, "Spring catalogue"),
    Card("pictures", "site", "alice", 5, "The catalogue is slow on the ferry", "", (BUG, REVIEW), S,
        "Spring catalogue"),
    Card("filter", "site", "bob", 8, "Find what is sold at one harbour", "", (NEW, REVIEW), N, "Spring catalogue"),
    Card("nearest", "site", "alice", 3, "The search is slow from the islands", "", (BUG,), S),
    Card("cart", "site", "bob", 12, "Visitors look for a cart", "", (CHORE, REVIEW), N),
    Card("links", "atlas", "alice", 6, "Pages do not know of each other", "", (NEW, BUSY), N),
    Card("index", "atlas", "bob", 4, "New pages are found a day late", "", (BUG, REVIEW), S, "Answers that cite"),
    Card("long", "atlas", "alice", 7, "Answers are too long for a telephone", "", (BUG, REVIEW), N,
        "Answers that cite"),
    Card("language", "atlas", "bob", 2, "Questions in French are answered in English", "", (BUG,), S),
    Card("newer", "atlas", "alice", 3, "Old pages come first", "", (BUG, REVIEW), N),
    Card("tides", "fleet", "bob", 5, "The tide table is old by noon", "", (BUG,), S),
    Card("morning", "fleet", "alice", 2, "The morning report is too long", "", (CHORE, REVIEW), S),
    Card("supplier", "ledger", "alice", 3, "A new supplier sends another form", "", (NEW, HIGH, REVIEW), N, "Year end"),
    Card("cents", "ledger", "bob", 9, "Sums are a cent off", "", (BUG, HIGH, REVIEW), S, "Year end"),
    Card("match", "ledger", "alice", 4, "The bank statement is matched by hand", "", (NEW,), N, "Year end"),
    # --- blocked
    Card("quota", "fleet", "alice", 9, "Ask the tide office for a larger quota", "", (CHORE,), ("bob",)),
    Card("mirror", "atlas", "bob", 13, "Mirror the atlas on the island",
        "Blocked by {line}: one line is not enough for both.", (NEW, STUCK), S, then=(Step(290, "depend", "line"),)),
    Card("line", "atlas", "alice", 14, "Order a second line for the island", "", (CHORE,)),
    Card("refunds", "site", "alice", 9, "Pay refunds the same day", "", (NEW, STUCK), N),
    Card("archive", "ledger", "bob", 16, "Move closed years to the archive", "Waits for the auditor.", (CHORE, STUCK),
        S, "Year end"),
    # --- in progress
    Card("voices", "site", "bob", 2.5, "Read the catalogue aloud", "", (NEW, BUSY), N, "Spring catalogue", (Step(40,
        "claim", by="north-bot"), Step(0.4, "claim", by="north-bot"))),
    Card("maps", "atlas", "alice", 4.5, "Put a map on each page of a harbour", "", (NEW, BUSY), S, then=(Step(60,
        "claim", by="south-bot"), Step(9, "claim", by="south-bot"))),
    Card("doubles", "ledger", "alice", 1.5, "Find invoices that were paid twice", "", (NEW, BUSY), ("bob",),
        "Year end", (Step(1.2, "claim", by="north-bot"),)),
    Card("wind", "fleet", "bob", 15, "Warn of wind above seven", "", (NEW, BUSY), S),
    # --- assigned
    Card("colours", "site", "alice", 3.5, "Colours that everybody can tell apart", "", (BUG, READY), N),
    Card("glossary", "atlas", "bob", 6.5, "Keep a glossary", "", (NEW,), S),
    Card("reminders", "ledger", "alice", 2.8, "Remind of bills a week before", "", (NEW, READY), ("bob",), "Year end"),
    Card("logbook", "fleet", "alice", 5.5, "Write the logbook of each agent to the atlas",
        "Needs the larger quota: it asks the same office.", (NEW, READY), S, then=(Step(120, "depend", "quota"),)),
    Card("forum", "fleet", "alice", 6, "Answer the forum within a day", "", (NEW, READY), ("west-bot",)),
    # --- ambiguous
    Card("banner", "site", "bob", 7, "A banner for the regatta", "", (NEW, BUSY), ()),
    Card("gulls", "atlas", "alice", 11, "Birds are filed as ships", "", (BUG, "blocked", READY), N),
    Card("receipts", "ledger", "bob", 5.2, "Receipts without a date", "", (BUG, REVIEW), S),
    # --- unassigned
    Card("regatta", "site", "alice", 0.4, "A page for the regatta", "", (NEW, READY), (), "Spring catalogue"),
    Card("cookies", "site", "bob", 18, "Fewer cookies"),
    Card("ferry", "site", "alice", 1.2, "Say which ferry a parcel takes", "", (NEW,)),
    Card("scans", "atlas", "bob", 0.9, "Scanned pages cannot be searched", "", (BUG,)),
    Card("sources", "atlas", "alice", 21, "Say how old a source is", "", (NEW,), (), "Answers that cite"),
    Card("budget", "fleet", "bob", 0.1, "An agent used its budget by noon"),
    Card("skills", "fleet", "alice", 8, "Two skills do the same", "", (CHORE,)),
    Card("currency", "ledger", "bob", 2.1, "Invoices in crowns", "", (NEW, READY), (), "Year end"),
)  # fmt: skip
