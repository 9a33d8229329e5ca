"""Countries, merchant categories, channels and the rhythm of the week: the simulator's constants.

They are plausible, not measured: no real payments went into them.
"""

from typing import Literal, NamedTuple

import numpy as np

from payments.arrays import Floats

Group = Literal["store", "online", "atm"]
GROUPS: tuple[Group, ...] = ("store", "online", "atm")
STORE, ONLINE, ATM = range(len(GROUPS))

CHANNELS = ("chip", "contactless", "ecom", "moto", "atm")
CHIP, CONTACTLESS, ECOM, MOTO, AT_ATM = range(len(CHANNELS))
CURRENCIES = ("EUR", "USD", "GBP", "CHF")


class Country(NamedTuple):
    """`customers`: weight as a home. `visits`: weight for trips and purchases abroad."""

    code: str
    currency: str
    customers: float
    visits: float


COUNTRIES = (
    Country("BE", "EUR", 30, 8),
    Country("FR", "EUR", 15, 15),
    Country("DE", "EUR", 14, 12),
    Country("NL", "EUR", 13, 10),
    Country("GB", "GBP", 8, 12),
    Country("CH", "CHF", 6, 5),
    Country("LU", "EUR", 4, 4),
    Country("ES", "EUR", 3, 10),
    Country("IT", "EUR", 3, 9),
    Country("IE", "EUR", 2, 6),
    Country("AT", "EUR", 2, 4),
    Country("PT", "EUR", 0, 4),
    Country("GR", "EUR", 0, 4),
    Country("US", "USD", 0, 9),
    Country("TR", "EUR", 0, 4),
    Country("AE", "USD", 0, 2),
    Country("TH", "USD", 0, 2),
)


class Category(NamedTuple):
    """A merchant category. `price`: median in the currency. `spread`: sd of its logarithm.

    `weight`: how often people pay such merchants. `moto`: share of mail and telephone orders.
    """

    mcc: str
    group: Group
    weight: float
    price: float
    spread: float
    moto: float = 0.0


CATEGORIES = (
    Category("5411", "store", 24, 31, 0.7),  # groceries
    Category("5814", "store", 11, 11, 0.5),  # fast food
    Category("5812", "store", 11, 34, 0.6),  # restaurants
    Category("5541", "store", 8, 54, 0.4),  # fuel
    Category("4111", "store", 7, 4, 0.6),  # local transport
    Category("5912", "store", 6, 19, 0.7),  # pharmacies
    Category("5651", "store", 6, 62, 0.7),  # clothing
    Category("5311", "store", 4, 55, 0.8),  # department stores
    Category("5200", "store", 3, 70, 0.9),  # home improvement
    Category("5732", "store", 3, 150, 1.0),  # electronics
    Category("7832", "store", 2, 23, 0.4),  # cinemas
    Category("5944", "store", 1, 170, 1.0),  # jewellery
    Category("5816", "online", 9, 5, 0.9),  # games
    Category("5818", "online", 7, 9, 0.7),  # digital goods
    Category("5964", "online", 11, 42, 0.9, 0.12),  # catalogues
    Category("5691", "online", 9, 60, 0.7),  # clothing
    Category("4899", "online", 6, 13, 0.3),  # television
    Category("5734", "online", 6, 120, 1.0),  # electronics
    Category("5947", "online", 3, 48, 0.6),  # gift cards
    Category("4722", "online", 3, 260, 0.9, 0.2),  # travel agencies
    Category("4511", "online", 3, 190, 0.8),  # airlines
    Category("8398", "online", 3, 14, 1.0, 0.15),  # charities
    Category("7995", "online", 3, 28, 1.0),  # gambling
    Category("6011", "atm", 1, 80, 0.7),  # cash
)

# The values of each category; a position in these tuples is what a payment holds. The last one is
# what the disturbance `unseen` makes: no other payment has it.
NAMES = {
    "country": (*(country.code for country in COUNTRIES), "SG"),
    "currency": (*CURRENCIES, "SEK"),
    "channel": (*CHANNELS, "wallet"),
    "mcc": (*(category.mcc for category in CATEGORIES), "7801"),
}

LOCAL_HOURS = 1  # of all customers ahead of UTC
HOURS_A_WEEK = 168
# When four kinds of people pay: (hour, width in hours, weight) of each peak of their day.
_DAYS = (
    ((8.0, 1.5, 1.0), (12.5, 2.0, 1.2), (17.0, 2.0, 1.0)),
    ((12.5, 1.5, 1.2), (18.5, 2.0, 1.6), (8.0, 1.0, 0.4)),
    ((14.0, 3.0, 1.0), (19.5, 2.0, 1.4), (21.5, 1.5, 0.6)),
    ((16.0, 3.0, 0.8), (22.0, 2.0, 1.2), (25.0, 1.5, 0.5)),
)
KINDS_OF_PEOPLE = (0.25, 0.40, 0.25, 0.10)
_WEEK = (0.92, 0.94, 0.97, 1.02, 1.16, 1.22, 0.77)  # Monday to Sunday
_WEEKEND_SHIFT_H = 1.5
_SELDOM = 0.015  # what is left of the rate far from every peak


def make_rhythm() -> Floats:
    """Return [168, kinds of people]: payments an hour of the local week from Monday, mean 1."""
    hours = np.arange(HOURS_A_WEEK)
    days = hours // 24
    rhythm = np.empty((HOURS_A_WEEK, len(_DAYS)))
    shift = np.where(days >= 5, _WEEKEND_SHIFT_H, 0.0)
    for kind, peaks in enumerate(_DAYS):
        rate = np.full(HOURS_A_WEEK, _SELDOM)
        for peak, width, weight in peaks:
            apart = (hours % 24 + 0.5 - peak - shift + 12) % 24 - 12
            rate += weight * np.exp(-0.5 * (apart / width) ** 2)
        rate *= np.array(_WEEK)[days]
        rhythm[:, kind] = KINDS_OF_PEOPLE[kind] * rate / rate.mean()
    return rhythm


def make_online_share() -> Floats:
    """Return [24]: the share of online purchases by local hour; most shops are closed at night."""
    share = np.full(24, 0.27)
    share[:6] = 0.72
    share[6] = share[23] = 0.5
    share[20:23] = 0.38
    return share
