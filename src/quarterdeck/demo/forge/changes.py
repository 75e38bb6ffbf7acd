"""The pull requests of the demo: between them, every class that one can be in.

Rule: everything here is invented.
"""

from __future__ import annotations

from typing import Final

from quarterdeck.demo.forge.stories import BASKET, BUILD, ROUND, TEST, Change, Step


def checks(hours: float, build: str = "success", test: str = "success", text: str = "") -> tuple[Step, ...]:
    """Return what both checks said."""
    return (Step(hours, "check", f"{BUILD}={build}"), Step(hours - 0.05, "check", f"{TEST}={test}", text))


def approved(hours: float, by: str = "alice", text: str = "Reads well.") -> Step:
    """Return an approval."""
    return Step(hours, "review", "APPROVED", text, by)


def merged(hours: float, by: str = "alice") -> tuple[Step, ...]:
    """Return a way to a merge that had nothing in it."""
    return (*checks(hours + 2), approved(hours + 1, by), Step(hours, "merge", by=by))


CHANGES: Final = (
    # --- done
    Change("quay_times", "site", "north-bot", 24, "Show when each quay closes", {"shop/quays.py": "CLOSES = 18\n"},
        "Closes {quays}", merged(540)),
    Change("cite_pages", "atlas", "south-bot", 17, "Cite the page an answer is from",
        {"atlas/cites.py": "CITES = True\n"}, "Closes {cite}", merged(380)),
    Change("quiet_nights", "fleet", "north-bot", 12, "Say nothing at night",
        {"schedules/nights.yml": "quiet: 22-6\n"}, "Closes {nights}", merged(90, "bob")),
    Change("vat_lines", "ledger", "south-bot", 9, "Keep the tax of each line", {"invoices/tax.py": "RATE = 19\n"},
        "Fixes {vat}", merged(100)),
    # --- ready
    Change(
        "delivery_days", "site", "north-bot", 2.2, "Show delivery days in the basket",
        {"shop/delivery.py": "DAYS = {'quay': 1, 'island': 3}\n"},
            "Closes {delivery}\n\nThe days come from the table of the quays.",
        (Step(50, "request", "alice"), *checks(49), approved(5)),
    ),
    Change(
        "small_pictures", "site", "south-bot", 1.4, "Compress the pictures of the catalogue",
        {"shop/pictures.py": "WIDTH = 1600\n"}, "Closes {pictures}", (*checks(30), approved(7, "bob"), Step(6.5,
            "auto")),
    ),
    # --- waiting on review
    Change(
        "harbour_filter", "site", "north-bot", 2.6, "Let visitors filter by harbour",
        {"shop/filter.py": "BY = ('harbour', 'price')\n", "deploy/site.yml": "replicas: 3\n"},
        "Closes {filter}\n\nThe filter takes a third replica on market days.", (*checks(60), Step(55, "request",
            "alice")),
    ),
    Change(
        "short_morning", "fleet", "south-bot", 0.3, "Shorten the morning report",
        {"prompts/morning.md": "Say the three things that matter today.\n"}, "Closes {morning}", (Step(3, "request",
            "bob"),),
    ),
    Change(
        "new_supplier", "ledger", "north-bot", 1.1, "Read invoices of the new supplier",
        {"invoices/readers.py": "SUPPLIERS = ('north quay', 'east quay')\n",
            "accounts/suppliers.py": "EAST_QUAY = 4711\n"},
        "Closes {supplier}", (*checks(24), Step(23, "request", "alice"), Step(22, "say",
            text="A new account: please look at its number.")),
    ),
    # --- not now
    Change(
        "edge_search", "site", "south-bot", 0.9, "Answer the search from the nearest quay",
        {"shop/search.py": "NEAR = True\n"}, "Closes {nearest}", checks(20, test="failure", text="3 of 212 failed"),
    ),
    Change(
        "rename_basket", "site", "north-bot", 6, "Call the basket a cart",
        {"shop/basket.py": BASKET.replace("basket", "cart")}, "Closes {cart}", (*checks(140), Step(130, "request",
            "bob")),
    ),
    Change(
        "linked_pages", "atlas", "north-bot", 3.1, "WIP: Link pages that mention each other",
        {"atlas/links.py": "LINKS = {}\n"}, "Closes {links}", checks(70),
    ),
    Change(
        "index_on_save", "atlas", "south-bot", 1.8, "Index pages as they are saved",
        {"atlas/index.py": "def saved(page):\n    pass\n"}, "Closes {index}",
        (*checks(42), Step(9, "review", "REQUEST_CHANGES", "A page that is saved twice is found twice.", "alice")),
    ),
    Change(
        "cut_answers", "atlas", "north-bot", 4.2, "Cut long answers at a sentence",
        {"atlas/answers.py": "LONGEST = 1200\n"}, "Closes {long}",
        (
            *checks(98),
            Step(60, "review", "REQUEST_CHANGES", "It cuts in the middle of a citation.", "alice"),
            Step(26, "push", "atlas/answers.py", "LONGEST = 1200\nAT = '. '\n"),
            *checks(25.5),
        ),
    ),
    Change(
        "same_language", "atlas", "south-bot", 0.2, "Answer in the language of the question",
        {"atlas/language.py": "GUESS = True\n"}, "Closes {language}", checks(0.3, "success", "pending"),
    ),
    Change(
        "newer_first", "atlas", "north-bot", 0.7, "Weigh newer pages more",
        {"atlas/weights.py": "HALF_LIFE_DAYS = 90\n"}, "Closes {newer}", (*checks(16, "success", "pending"),
            approved(10, "bob")),
    ),
    Change(
        "hourly_tides", "fleet", "south-bot", 3.4, "Run the tide table every hour",
        {"schedules/tides.yml": "every: 1h\n"}, "Closes {tides}", (Step(80, "depend", "quota"), approved(50, "bob")),
    ),
    Change(
        "no_newsletter", "fleet", "north-bot", 8, "Retire the old newsletter",
        {"schedules/newsletter.yml": None}, "", (Step(170, "label", "status/blocked", by="bob"),),
    ),
    Change(
        "round_late", "ledger", "south-bot", 5, "Round at the end only",
        {"accounts/rounding.py": ROUND.replace("round", "int")}, "Closes {cents}", (*checks(118), approved(100)),
    ),
    Change(
        "nightly_match", "ledger", "north-bot", 1.6, "Match the bank statement every night",
        {"statements/nightly.py": "HOUR = 2\n"}, "Closes {match}", checks(37),
    ),
    Change(
        "drop_cents_again", "ledger", "north-bot", 2, "Keep whole cents everywhere",
        {"accounts/cents.py": "WHOLE = True\n"}, "Fixes {cents}", (*checks(46),),
    ),
)  # fmt: skip
