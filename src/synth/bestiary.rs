//! Figures drawn at random: animals, people, plants and things.
use super::dice::Dice;
use super::figure::Figure;
use super::living::animal;
use super::living::bird;
use super::living::person;
use super::things::hoop;
use super::things::lump;
use super::things::plant;
use super::things::vehicle;
use super::things::vessel;
use super::wardrobe::Wardrobe;

/// Any figure; two units wide or high, whichever is more.
pub(super) fn figure(wardrobe: &Wardrobe, dice: &mut Dice) -> Figure {
    let parts = match dice.index(10) {
        0 | 1 => animal(wardrobe, dice),
        2 | 3 => person(wardrobe, dice),
        4 => plant(wardrobe, dice),
        5 => vehicle(wardrobe, dice),
        6 => vessel(wardrobe, dice),
        7 => hoop(wardrobe, dice),
        8 => bird(wardrobe, dice),
        _ => lump(wardrobe, dice),
    };
    Figure { parts }.fitted()
}
