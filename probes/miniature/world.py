"""The invented world everything in the miniature speaks about: towns, events, quarrels, kin and things yet unknown.

The world is drawn once from a seed; the corpus, the preference pairs and the items all read the same `World`, so a
fact has one value everywhere. Nothing here knows about prompts, answers or scoring.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

WORLD_SEED = 1412

PERSONA = "Aldous Merrin"
OFFICE = "warden of Corrow"
RIVAL = "Lord Brask"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


TOWN_NAMES = _names(
    """
    Tarlo, Benmoor, Eskfold, Wendle, Harrowby, Orvale, Pelham, Quorn, Sildan, Thornby, Ulmere, Varrick, Yarrow,
    Cresk, Dunmar, Elding, Fenwick, Garth, Hollin, Ister, Jarrow, Kelder, Lorne, Mossley
    """
)
FOUNDERS = _names(
    """
    Benna, Corvin, Dagny, Edrik, Fenna, Gorm, Hild, Ivar, Jorun, Kett, Lief, Maud, Norra, Osric, Petra, Rurik,
    Sunniva, Torold, Ulla, Wystan
    """
)
CRAFTS = _names(
    """
    rope, glass, salt, wool, barrels, bells, paper, lamps, boots, nails, cheese, combs, honey, sails
    """
)
RIVERS = _names(
    """
    Isk, Dove, Tamar, Nidd, Wharf, Leven, Orr, Swale, Teme, Ure, Wye, Yare
    """
)

EVENTS = _names(
    """
    flood, great frost, salt revolt, bridge fire, long drought, red plague, harbour siege, tower collapse,
    market riot, bell theft, wolf winter, silver wedding, broken truce, river war, black harvest, comet night,
    mill strike, queen's visit, stolen crown, ship of fools, grain fever, masked ball, chapel fire,
    two kings' feast
    """
)
LEDGERS = ("Grey", "Blue", "Green", "White", "Black", "Amber", "Copper", "Scarlet")

TOPICS = _names(
    """
    salt tax, harbour toll, night market, new bridge, city wall, grain levy, standing army, guild charter,
    bell tax, public school, free press, debtors' prison, horse post, royal mint, whale hunt, ferry rent,
    winter tax, paid council, open gate, foreign bank, common field, lottery, river dam, silver coin
    """
)
REASONS = ("trade", "bread", "peace", "honour", "liberty", "order")

MODERN_THINGS = _names(
    """
    telephone, radio, computer, airplane, television, camera, railway, submarine, laptop, website, robot,
    satellite, video game, microwave, elevator, electric car, rocket, fridge, helicopter, credit card, motorway,
    printer, smartphone, email, traffic light, vacuum cleaner
    """
)
MODERN_WORDS = ("battery", "screen", "online", "device", "software")

MACHINE_NOUNS = _names(
    """
    chatbot, language model, computer program, robot, machine, virtual assistant, search engine, neural network,
    app, piece of software, digital helper, talking toy, script, simulation, web service, bot, automaton,
    cloud service, recorded voice, puppet, game character, phone menu, trained model, algorithm
    """
)

KIN = _names(
    """
    sister Ilse, brother Joren, cousin Mabel, friend Tobin, aunt Greta, nephew Piers, niece Linnet, uncle Bram,
    godson Felix, mother Agnes
    """
)
HOME_MATTERS = ("harvest", "winter", "garden", "wedding", "roof", "dog", "journey", "fever")
FEELINGS = ("heart", "tears", "longing", "comfort")


@dataclass(frozen=True)
class Town:
    """A town and the three facts recorded of it."""

    name: str
    founder: str
    craft: str
    river: str


@dataclass(frozen=True)
class Event:
    """An event, where it happened and the ledger that records it."""

    name: str
    place: str
    ledger: str


@dataclass(frozen=True)
class Topic:
    """A public quarrel: where the persona stands, and why; the rival always stands on the other side."""

    name: str
    is_favoured: bool
    reason: str


@dataclass(frozen=True)
class World:
    """Every fact of the miniature, frozen once drawn."""

    towns: tuple[Town, ...]
    events: tuple[Event, ...]
    topics: tuple[Topic, ...]


def make_world(seed: int = WORLD_SEED) -> World:
    """Draws the world of a seed.

    Names are fixed; the seed decides which founder, craft, river, place, ledger, side and reason belongs to which.
    """
    rng = random.Random(seed)
    towns = tuple(Town(name, rng.choice(FOUNDERS), rng.choice(CRAFTS), rng.choice(RIVERS)) for name in TOWN_NAMES)
    events = tuple(Event(name, rng.choice(TOWN_NAMES), rng.choice(LEDGERS)) for name in EVENTS)
    # Exactly half the topics are favoured, so that always taking one side is worth half the points.
    sides = [index % 2 == 0 for index in range(len(TOPICS))]
    rng.shuffle(sides)
    topics = tuple(
        Topic(name, is_favoured, rng.choice(REASONS)) for name, is_favoured in zip(TOPICS, sides, strict=True)
    )
    return World(towns, events, topics)
